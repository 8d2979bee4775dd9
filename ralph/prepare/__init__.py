"""What has to be there before work begins: copied files, `setup`, services."""
