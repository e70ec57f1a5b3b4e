"""What people read: tables of runs and comparisons."""
