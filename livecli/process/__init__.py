"""The running process: event loop and signals, child processes, standard streams, folders."""
