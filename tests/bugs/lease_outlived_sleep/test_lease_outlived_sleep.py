import threading

from lease_outlived_sleep_app import Office


def test_no_two_invoices_have_one_number():
    office = Office()
    threads = [threading.Thread(target=office.bill, args=(name,), name=name) for name in ("clerk-1", "clerk-2")]
    threads.append(threading.Thread(target=office.copy_page, name="visitor"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert office.ledger.invoices == [1, 2]
