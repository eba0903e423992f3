// The life of two invoices, told by a client that was generated from sevDesk's specification and is used as it came.
// What it sends is typed by the specification. What comes back is not as the specification says (it leaves out the
// `objects` around most answers), so it is printed as it came: one JSON line per call, [name, status, answer].
import {
  bookInvoice,
  bookkeepingSystemVersion,
  cancelInvoice,
  createCommunicationWay,
  createContact,
  createContactAddress,
  createInvoiceByFactory,
  getCheckAccounts,
  getContacts,
  getInvoiceById,
  getInvoicePositionsById,
  getInvoices,
  invoiceGetPdf,
  invoiceSendBy,
  sendInvoiceViaEMail,
} from "./client";
import { client } from "./client/client.gen";

type Answer = { data?: unknown; error?: unknown; response: Response };

function told(name: string, answer: Answer): any {
  const said = (answer.data ?? answer.error) as any;
  console.log(JSON.stringify([name, answer.response.status, said]));
  return said;
}

function reference(id: number | string, objectName: string): { id: number; objectName: string } {
  return { id: Number(id), objectName };
}

async function contact(): Promise<number> {
  const made = told("contact", await createContact({ body: { name: "Muster GmbH", category: reference(3, "Category") } }));
  const owner = reference(made.objects.id, "Contact");
  const address = { street: "Musterweg 1", zip: "10115", city: "Berlin" };
  const where = { country: reference(1, "StaticCountry"), category: reference(47, "Category") };
  told("address", await createContactAddress({ body: { contact: owner, ...address, ...where } }));
  const key = reference(8, "CommunicationWayKey");
  const way = { contact: owner, type: "EMAIL" as const, value: "rechnung@example.com", key, main: true };
  told("way", await createCommunicationWay({ body: way }));
  told("contacts", await getContacts({ query: { depth: "1" } }));
  return owner.id;
}

async function draft(name: string, contactId: number): Promise<number> {
  const line = { name: "Beratung", quantity: 2, price: 100, taxRate: 19, unity: reference(1, "Unity") };
  const answer = await createInvoiceByFactory({
    body: {
      invoice: {
        objectName: "Invoice",
        mapAll: true,
        contact: reference(contactId, "Contact"),
        contactPerson: reference(2000001, "SevUser"),
        invoiceDate: "01.10.2026",
        deliveryDate: new Date("2026-09-30T22:00:00Z").toISOString(), // a date-time, says the specification
        discount: 0,
        address: "Muster GmbH\nMusterweg 1\n10115 Berlin",
        addressCountry: reference(1, "StaticCountry"),
        status: "100",
        taxRate: 0,
        taxRule: { id: "1", objectName: "TaxRule" },
        taxText: "Umsatzsteuer 19%",
        taxType: "default",
        invoiceType: "RE",
        currency: "EUR",
        customerInternalNote: name,
      },
      invoicePosSave: [{ objectName: "InvoicePos", mapAll: true, ...line }],
    },
  });
  return Number(told(`${name}: saved`, answer).objects.invoice.id);
}

async function opened(name: string, contactId: number): Promise<number> {
  const invoiceId = await draft(name, contactId);
  const body = { sendType: "VPDF" as const, sendDraft: false };
  told(`${name}: sent`, await invoiceSendBy({ path: { invoiceId }, body }));
  told(`${name}: pdf`, await invoiceGetPdf({ path: { invoiceId }, query: { preventSendBy: true } }));
  return invoiceId;
}

async function main(): Promise<void> {
  client.setConfig({ baseUrl: process.env.SEVDESK_BASE_URL, auth: process.env.SEVDESK_API_TOKEN });
  told("version", await bookkeepingSystemVersion());
  const contactId = await contact();

  const paid = await opened("paid", contactId);
  told("paid: positions", await getInvoicePositionsById({ path: { invoiceId: paid } }));
  const mail = { toEmail: "rechnung@example.com", subject: "Rechnung", text: "Anbei." };
  told("paid: mailed", await sendInvoiceViaEMail({ path: { invoiceId: paid }, body: mail }));
  const accounts = told("accounts", await getCheckAccounts());
  const offline = accounts.objects.find((each: any) => each.type === "offline");
  for (const [type, amount] of [["N", 38], ["FULL_PAYMENT", 200]] as const) {
    const body = { amount, date: 1790805600, type, checkAccount: reference(offline.id, "CheckAccount") };
    told(`paid: ${type}`, await bookInvoice({ path: { invoiceId: paid }, body }));
  }
  told("paid: read", await getInvoiceById({ path: { invoiceId: paid } }));

  const cancelled = await opened("cancelled", contactId);
  told("cancelled: storno", await cancelInvoice({ path: { invoiceId: cancelled } }));
  told("cancelled: again", await cancelInvoice({ path: { invoiceId: cancelled } }));

  const query = { "contact[id]": contactId, "contact[objectName]": "Contact" as const };
  told("invoices", await getInvoices({ query }));
  told("open", await getInvoices({ query: { status: 200 } }));
  client.setConfig({ auth: "f".repeat(32) });
  told("stranger", await bookkeepingSystemVersion());
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
