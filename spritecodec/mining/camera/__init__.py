"""Where the camera looks: pan, rooms, planes at several depths."""
