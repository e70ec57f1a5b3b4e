"""`python -m tripos` is `tripos`."""

from tripos.cli.main import main

if __name__ == "__main__":
    main()
