"""From a suite file to run specifications."""
