"""repairs"""
REPAIRS=()
