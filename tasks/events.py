"""Events that others send us."""

#: A document has arrived; the event's resource is its address.
ARRIVED = "trayflow.document.arrived"
