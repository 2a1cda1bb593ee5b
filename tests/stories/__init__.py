"""Stories: the use of ExaLB on a real cluster with a real router."""
