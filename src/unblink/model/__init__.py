"""The words of unblink as values: frozen dataclasses and enums that import nothing else of the package."""
