import sys

from kitty.cli import main

sys.exit(main())
