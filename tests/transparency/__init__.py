"""Other people's test suites, plain, instrumented and controlled: the same outcomes, test by test."""
