"""Issues of GitHub as a PRD, read through `gh`. Nothing is ever written there."""
