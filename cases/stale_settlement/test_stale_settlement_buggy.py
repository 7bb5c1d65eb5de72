from contextlib import closing
from functools import partial

from .buggy import Clerk, Database, Ledger, at_console, in_background


def test_two_settlements_in_the_background_balance_once() -> None:
    with closing(Database()) as database:
        ledger = Ledger(database)
        clerk = Clerk(ledger, "swordfish")
        ledger.post("acme", 6000)
        ledger.post("acme", 4000)
        nightly = in_background(database, "nightly", partial(ledger.settle, "acme"))
        click = in_background(database, "click", partial(clerk.settle, "acme", "swordfish"))
        nightly.join()
        click.join()
        assert ledger.balance("acme") == 0
        assert ledger.settlements("acme") == 1


def test_two_settlements_at_the_console_balance_once() -> None:
    with closing(Database()) as database:
        ledger = Ledger(database)
        clerk = Clerk(ledger, "swordfish")
        ledger.post("acme", 6000)
        ledger.post("acme", 4000)
        ann = at_console("ann", partial(ledger.settle, "acme"))
        bob = at_console("bob", partial(clerk.settle, "acme", "swordfish"))
        ann.join()
        bob.join()
        assert ledger.balance("acme") == 0
        assert ledger.settlements("acme") == 1
