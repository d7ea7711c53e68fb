"""What `make bench` and `make bench-million` run: `python -m benchmarks` and `python -m benchmarks.million`."""
