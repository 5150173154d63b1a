"""What a switch tells: the module's documentation."""

from __future__ import annotations

from hotops.core.documented import Documented
from hotops.database.fix_told import DOCS as FIX

DOCS = Documented(
    short="Point an app at a restored database, and back",
    description=(
        "Writes the vault's connection string anew with another database of the same server, proves that it connects,",
        "keeps the former one as C(.old), writes the app's secrets, makes the machines anew some at a time,",
        "and waits for a good answer of the app. The name is given twice (O(to_database), O(confirm)).",
        "What the app wrote into the former database stays there: M(hotops.core.restore_compare) keeps it.",
        "With O(undo=true) the former string is put back; a way back that died goes on when it is run again.",
    ),
    returns=FIX.returns,
    examples="""
- name: The app works with the restored database
  hotops.core.restore_switch:
    app: shop-production
    to_database: shop_restored_20260131t100000z
    confirm: shop_restored_20260131t100000z
  run_once: true

- name: And back
  hotops.core.restore_switch:
    app: shop-production
    undo: true
  run_once: true
""",
    notes=FIX.notes,
    see_also=("restore", "restore_compare", "dsn_fix"),
)
