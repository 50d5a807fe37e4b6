"""Start and follow executions, and read what runs and verifications report."""
