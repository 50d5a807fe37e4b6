"""Run the command as `python -m notebook_archive_cli`."""

from notebook_archive_cli.main import main

if __name__ == "__main__":
    main()
