// IPX over a folder, as a program: HOME PORT FOLDER.  HOME is where npm installed it.
import { createRequire } from "node:module";
import { createServer } from "node:http";

const [home, port, folder] = process.argv.slice(2);
const { createIPX, createIPXNodeServer, ipxFSStorage } = createRequire(`${home}/`)("ipx");

const ipx = createIPX({ storage: ipxFSStorage({ dir: folder, maxAge: 31536000 }) });
createServer(createIPXNodeServer(ipx)).listen(Number(port), "127.0.0.1");
