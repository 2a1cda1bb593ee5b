"""Stories: what a person does with ExaLB, on a real cluster before a real router."""
