"""Word of new objects in a bucket: what a queue's messages say, and the queue itself."""

from trayflow.arrivals.messages import Created, PoisonError, objects_in
from trayflow.arrivals.queue import Message, Queue, kept

__all__ = ["Created", "Message", "PoisonError", "Queue", "kept", "objects_in"]
