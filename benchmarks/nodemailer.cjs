// nodemailer's pool: `node nodemailer.cjs PORT MAILS CONNECTIONS BODY`. Prints the seconds from the first mail to the last reply.
const nodemailer = require("nodemailer");

const [port, mails, connections] = process.argv.slice(2, 5).map(Number);
const body = process.argv[5];
const transport = nodemailer.createTransport({
  host: "127.0.0.1", port, secure: false, ignoreTLS: true, pool: true, maxConnections: connections, maxMessages: Infinity,
});

let begun = 0, sent = 0, done = 0;

function fill(number) {
  return body
    .replace("{{ recipient.full_name }}", `Person ${number}`)
    .replace("{{ recipient.email }}", `r${number}@example.com`)
    .replace("{{ recipient.comment }}", `number ${number}`);
}

function taken(error) {
  if (error) throw error;
  done += 1;
  if (done === mails) {
    console.log((performance.now() - begun) / 1000);
    transport.close();
  }
}

transport.on("idle", () => {
  begun ||= performance.now();
  while (transport.isIdle() && sent < mails) {
    const number = sent++;
    const to = `r${number}@example.com`;
    transport.sendMail({ from: "News <news@example.com>", to, subject: "News of the week", text: fill(number) }, taken);
  }
});
