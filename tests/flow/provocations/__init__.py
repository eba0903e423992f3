"""How to come by each problem of the catalogue: a real job on real servers, in files like those of the catalogue.

Importing the package fills `table.PROVOCATIONS`.
"""

from flow.provocations import (  # noqa: F401 - they fill the table
    advances,
    amounts,
    cancelling,
    changeover,
    crediting,
    dates,
    delays,
    e_invoices,
    exporting,
    publishing,
    requests,
    sevdesk,
    tax_rules,
    terms,
)
