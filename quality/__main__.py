"""`python -m quality check --data LAKE --day DATE`: what `fraud quality` is where there is no laptop."""

from quality.command import main

if __name__ == "__main__":
    main()
