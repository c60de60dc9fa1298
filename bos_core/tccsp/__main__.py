"""`python -m bos_core.tccsp` is the resident scheduler; containers do not import a `__main__` again, so they stay small."""

from bos_core.tccsp.service import main

main()
