"""Reading results and deciding from them: files, statistics, comparison."""
