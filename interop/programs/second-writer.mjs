/**
 * Another process that writes the database until its standard input ends. Prints the number of its commits.
 *
 * Arguments: <driver> <database>
 */
import { setTimeout as sleep } from "node:timers/promises";
import { loadDriver } from "./drivers.mjs";

const [driverName = "", path = ""] = process.argv.slice(2);
const driver = await loadDriver(driverName);
const db = driver.open(path, 10_000);
let stopped = false;
process.stdin.resume().once("end", () => {
  stopped = true;
});
console.log("ready");
let commits = 0;
while (!stopped) {
  db.exec("BEGIN IMMEDIATE; INSERT INTO t(who, body) VALUES ('second', randomblob(1 + abs(random()) % 9000)); COMMIT");
  commits++;
  await sleep(3);
}
db.close();
console.log(commits);
