"""What runs in child processes: each file has `main(request, folder)` and is started by `core.process.run_json`."""
