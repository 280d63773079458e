"""Run the command line as `python -m immunode`."""

from immunode.cli import main

if __name__ == "__main__":
    main()
