export { smtpMailClient } from "./smtp-mail-client.ts";
