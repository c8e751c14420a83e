"""What the host sets up in its interpreter before the first check is loaded."""
import sys

from heapwatch_support import children
from heapwatch_support.config_models import ConfigModelsFinder

sys.meta_path.insert(0, ConfigModelsFinder())
children.install()
