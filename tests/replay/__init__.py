"""What was found is found again: in new processes, on other Pythons, in code that was edited meanwhile."""
