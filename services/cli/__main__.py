"""`python -m services.cli` is `sewa`."""

from services.cli.app import main

if __name__ == "__main__":
    main()
