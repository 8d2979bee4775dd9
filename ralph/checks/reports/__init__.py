"""How test runners are asked what they ran, and how what they say is heard and believed."""
