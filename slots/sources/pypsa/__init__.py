"""PyPSA networks as grids and back: netCDF files and folders of CSV tables, read and written without PyPSA."""
