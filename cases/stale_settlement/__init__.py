"""The settlement that balanced twice, in the background only."""
