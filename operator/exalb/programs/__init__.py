"""The programs that run in pods: controller, speaker, bgp."""
