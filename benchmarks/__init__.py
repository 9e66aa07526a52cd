"""What is fast, measured side by side in one process: `python -m benchmarks` prints one table and stores it as JSON."""
