"""Contacts, addresses and communication ways behave as others saw them."""

import pytest

from tests.sandbox.sandbox_client import Json, SandboxClient, ref

PERSON = {"name": None, "surename": "Erika", "familyname": "Muster"}


def way(contact: str, **rest: Json) -> Json:
    key = ref(8, "CommunicationWayKey")
    return {"contact": ref(contact, "Contact"), "type": "EMAIL", "value": "a@example.com", "key": key, **rest}


def address(contact: str) -> Json:
    refs = {"country": ref(1, "StaticCountry"), "category": ref(47, "Category")}
    return {"contact": ref(contact, "Contact"), **refs, "street": "Musterweg 1", "zip": "10115", "city": "Berlin"}


async def idents(sandbox: SandboxClient, path: str) -> list[str]:
    return [each["id"] for each in await sandbox.objects("GET", path)]


async def test_persons_need_depth_one(sandbox: SandboxClient) -> None:
    """GET /Contact shows organisations only, unless depth=1."""
    firm, person = await sandbox.contact(), await sandbox.contact(**PERSON, customerNumber="P-1")
    assert await idents(sandbox, "/Contact") == [firm]
    assert await idents(sandbox, "/Contact?customerNumber=P-1") == []
    assert await idents(sandbox, "/Contact?customerNumber=P-1&depth=1") == [person]
    assert await idents(sandbox, "/Contact?depth=1") == [person, firm]


async def test_customer_numbers_match_exactly(sandbox: SandboxClient) -> None:
    """R1-C-1 does not find R1-C-10, and a misspelt filter finds everything."""
    one, ten = [await sandbox.contact(customerNumber=number) for number in ("R1-C-1", "R1-C-10")]
    assert await idents(sandbox, "/Contact?customerNumber=R1-C-1") == [one]
    assert await idents(sandbox, "/Contact?customerNumber=r1-c-1") == []
    assert await idents(sandbox, "/Contact?customernumber=R1-C-1") == [ten, one]


async def test_customer_numbers_are_drawn(sandbox: SandboxClient) -> None:
    """An omitted number comes from the sequence, past numbers already taken."""
    assert await sandbox.objects("GET", "/Contact/Factory/getNextCustomerNumber") == "1000"
    await sandbox.contact(customerNumber="1000")
    drawn = await sandbox.objects("GET", f"/Contact/{await sandbox.contact()}")
    assert drawn[0]["customerNumber"] == "1001"


async def test_number_availability_is_told(sandbox: SandboxClient) -> None:
    """true or false, and 500 without the parameter."""
    path = "/Contact/Mapper/checkCustomerNumberAvailability"
    await sandbox.contact(customerNumber="R1-C-1")
    assert await sandbox.objects("GET", f"{path}?customerNumber=R1-C-1") is False
    assert await sandbox.objects("GET", f"{path}?customerNumber=R1-C-2") is True
    await sandbox.error("GET", path, 500)


async def test_duplicate_customer_numbers_by_switch(sandbox: SandboxClient) -> None:
    """Accepted unless the switch refuses them."""
    await sandbox.contact(customerNumber="R1-C-1")
    twin = await sandbox.contact(customerNumber="R1-C-1")
    await sandbox.switch(duplicate_customer_number="refuse")
    body = {"name": "Drei", "category": ref(3, "Category"), "customerNumber": "R1-C-1"}
    await sandbox.error("POST", "/Contact", 422, json=body)
    await sandbox.objects("PUT", f"/Contact/{twin}", json={"customerNumber": "R1-C-1", "name": "Zwei"})


async def test_contacts_change_in_parts(sandbox: SandboxClient) -> None:
    """PUT changes what it names, and the contact is found by its new number."""
    ident = await sandbox.contact(customerNumber="old", vatNumber="DE123")
    changed = await sandbox.objects("PUT", f"/Contact/{ident}", json={"customerNumber": "new"})
    assert (changed["name"], changed["vatNumber"], changed["customerNumber"]) == ("Muster GmbH", "DE123", "new")
    assert await idents(sandbox, "/Contact?customerNumber=new") == [ident]
    assert await idents(sandbox, "/Contact?customerNumber=old") == []


async def test_parents_are_organizations(sandbox: SandboxClient) -> None:
    """A person is nobody's parent."""
    firm, person = await sandbox.contact(), await sandbox.contact(**PERSON)
    await sandbox.contact(**PERSON, parent=ref(firm, "Contact"))
    body = {**PERSON, "category": ref(3, "Category"), "parent": ref(person, "Contact")}
    await sandbox.error("POST", "/Contact", 422, json=body)


@pytest.mark.parametrize("category", [None, 3, ref(3, "category"), ref(999, "Category")])
async def test_contacts_need_a_category(sandbox: SandboxClient, category: Json) -> None:
    """The one thing a contact cannot be without."""
    response = await sandbox.http.post(
        f"{sandbox.running.base_url}/Contact", json={"name": "Muster GmbH", "category": category}
    )
    assert response.status_code in (400, 404)
    assert (await sandbox.counts())["contacts"] == 0


async def test_unknown_ids_answer_151(sandbox: SandboxClient) -> None:
    """404 with code 151, or by switch the 400 that others saw."""
    error = await sandbox.error("GET", "/Contact/7", 404)
    assert (error["code"], error["message"]) == (151, "No Model_Contact with the id 7 was found")
    await sandbox.switch(not_found=400)
    assert (await sandbox.error("GET", "/Contact/7", 400))["code"] == "NOT_FOUND"


async def test_contact_filter_needs_object_name(sandbox: SandboxClient) -> None:
    """contact[id] without contact[objectName] is ignored, for addresses and ways alike."""
    one, two = await sandbox.contact(), await sandbox.contact()
    for path, body in (("/ContactAddress", address), ("/CommunicationWay", way)):
        for contact in (one, two):
            await sandbox.objects("POST", path, 201, json=body(contact))
        assert len(await idents(sandbox, f"{path}?contact[id]={one}")) == 2
        [found] = await sandbox.objects("GET", f"{path}?contact[id]={one}&contact[objectName]=Contact")
        assert found["contact"] == ref(one, "Contact")


@pytest.mark.parametrize("key", ["contact", "country", "category"])
async def test_addresses_need_three_references(sandbox: SandboxClient, key: str) -> None:
    """Contact, country and category."""
    body = {**address(await sandbox.contact()), key: None}
    error = await sandbox.error("POST", "/ContactAddress", 400, json=body)
    assert error["message"] == f"{key} expected array with 'id' and 'objectName'. NULL given"


async def test_addresses_change_and_go(sandbox: SandboxClient) -> None:
    """PUT is partial, DELETE final."""
    body = address(await sandbox.contact())
    ident = (await sandbox.objects("POST", "/ContactAddress", 201, json=body))["id"]
    changed = await sandbox.objects("PUT", f"/ContactAddress/{ident}", 201, json={"city": "Köln"})
    assert (changed["street"], changed["city"]) == ("Musterweg 1", "Köln")
    await sandbox.objects("DELETE", f"/ContactAddress/{ident}")
    await sandbox.error("GET", f"/ContactAddress/{ident}", 404)


async def test_ways_without_key_fail(sandbox: SandboxClient) -> None:
    """500, although the caller is at fault; so with a key that there is not, also in a change."""
    contact, unknown = await sandbox.contact(), ref(99, "CommunicationWayKey")
    for key in (None, unknown):
        await sandbox.error("POST", "/CommunicationWay", 500, json=way(contact, key=key))
    made = await sandbox.objects("POST", "/CommunicationWay", 201, json=way(contact))
    await sandbox.error("PUT", f"/CommunicationWay/{made['id']}", 500, json={"key": unknown})
    assert (await sandbox.objects("PUT", f"/CommunicationWay/{made['id']}", json={"main": "1"}))["key"]["id"] == "8"


async def test_ways_filter_by_everything(sandbox: SandboxClient) -> None:
    """type, value and main narrow the list; by switch all three with a contact find nothing."""
    contact = await sandbox.contact()
    for value, main in (("a@example.com", True), ("b@example.com", False)):
        await sandbox.objects("POST", "/CommunicationWay", 201, json=way(contact, value=value, main=main))
    pair = f"contact[id]={contact}&contact[objectName]=Contact"
    [found] = await sandbox.objects("GET", "/CommunicationWay?type=EMAIL&value=b@example.com")
    assert (found["value"], found["main"]) == ("b@example.com", "0")
    assert len(await idents(sandbox, f"/CommunicationWay?{pair}&type=EMAIL&main=1")) == 1
    await sandbox.switch(contact_type_main_broken=True)
    assert await idents(sandbox, f"/CommunicationWay?{pair}&type=EMAIL&main=1") == []
    assert len(await idents(sandbox, f"/CommunicationWay?{pair}&type=EMAIL")) == 2


async def test_used_contacts_stay(sandbox: SandboxClient) -> None:
    """A contact that an invoice names cannot be deleted, others can."""
    used, free = await sandbox.contact(), await sandbox.contact()
    await sandbox.draft(contact=ref(used, "Contact"))
    await sandbox.error("DELETE", f"/Contact/{used}", 422)
    assert await sandbox.objects("DELETE", f"/Contact/{free}") == [None]
