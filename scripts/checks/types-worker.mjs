import { parentPort, workerData } from "node:worker_threads";
import { complaints, programs } from "../lib/programs.mjs";

parentPort?.postMessage(complaints(programs(), workerData));
