"""Labels by which ExaLB's own Deployment, DaemonSet and pods are found, whatever names the chart gave them. Pure."""

OURS = "app.kubernetes.io/part-of=exalb"
"""Selects everything of ExaLB: no value of the chart changes this label, unlike its names."""
COMPONENT = "app.kubernetes.io/component"
CONTROLLER, SPEAKER = f"{OURS},{COMPONENT}=controller", f"{OURS},{COMPONENT}=speaker"
