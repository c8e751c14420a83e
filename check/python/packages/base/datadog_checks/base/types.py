"""Names that checks give the types of their arguments."""
from typing import Any, Dict, List, Tuple

from datadog_checks.base.constants import ServiceCheck

InitConfigType = AgentConfigType = InstanceType = ProxySettings = Event = Dict[str, Any]
ServiceCheckStatus = int
ExternalTagType = Tuple[str, Dict[str, List[str]]]

__all__ = ["AgentConfigType", "Event", "ExternalTagType", "InitConfigType", "InstanceType", "ProxySettings", "ServiceCheck",
           "ServiceCheckStatus"]
