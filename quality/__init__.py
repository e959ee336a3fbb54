"""Whether a closed day of the lake is what it should be: expectations.py has the list, measures.py what it looks at."""

import os

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # Great Expectations asks for it when it is imported, and would report its use
