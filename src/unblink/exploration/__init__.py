"""Many executions of one body: budget, isolation, minimising, witnesses. The sole composition root."""
