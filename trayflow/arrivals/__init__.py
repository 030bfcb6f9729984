"""How documents are noticed as they arrive: what a folder or a queue tells, looked up, and gathered into batches."""

from trayflow.arrivals.messages import Created, PoisonError, objects_in
from trayflow.arrivals.queue import Message, Queue, kept

__all__ = ["Created", "Message", "PoisonError", "Queue", "kept", "objects_in"]
