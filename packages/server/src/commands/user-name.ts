import { userInfo } from "node:os";

/** Who runs this command; undefined where the system has only a number, as in many containers, and `USER` is not set. */
export function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return process.env["USER"];
  }
}
