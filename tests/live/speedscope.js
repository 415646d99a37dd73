// SPDX-License-Identifier: Apache-2.0

// What speedscope's own importer makes of a file, as JSON, without a browser.
//
//     node speedscope.js PACKAGE FILE
//
// PACKAGE is the unpacked npm package. Its bundle is loaded without starting the application, and
// the chunk that imports profiles into the same registry of modules. Says the name of each frame
// with its own and its total weight.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

function chunk(directory, prefix) {
	const names = fs.readdirSync(directory).filter(
		(name) => name.startsWith(prefix + ".") && name.endsWith(".js"));
	if (names.length !== 1)
		throw new Error(`${directory} has ${names.length} files ${prefix}.*.js`);
	return fs.readFileSync(path.join(directory, names[0]), "utf8");
}

// The module that exports `wanted`: modules have no names here but the bundler's.
function find(modules, wanted) {
	for (const id of Object.keys(modules))
		if (modules[id][0].toString().includes(`exports.${wanted}=`))
			return id;
	throw new Error(`no module exports ${wanted}`);
}

function importer(directory) {
	const world = vm.createContext({console: {log() {}, warn() {}, error() {}, assert() {}},
		TextDecoder, setTimeout, navigator: {}, document: {}});
	vm.runInContext("var window = globalThis, self = globalThis, location = {}, parcelRequire;",
		world);
	// the last but one argument lists what to start
	vm.runInContext(chunk(directory, "speedscope").replace(/\},\{\},\[[^\]]*\],\s*null\)/,
		"},{},[],null)"), world);
	vm.runInContext(chunk(directory, "import"), world);
	return world.parcelRequire(find(world.parcelRequire.modules, "importProfileGroupFromText"));
}

async function main(directory, file) {
	const {importProfileGroupFromText} = importer(path.join(directory, "dist/release"));
	const group = await importProfileGroupFromText(path.basename(file), fs.readFileSync(file, "utf8"));
	const frames = {};
	let total = 0;
	for (const profile of group.profiles) {
		total += profile.getTotalWeight();
		profile.forEachFrame((frame) => {
			frames[frame.name] = {self: frame.getSelfWeight(), total: frame.getTotalWeight()};
		});
	}
	console.log(JSON.stringify({profiles: group.profiles.length, total, frames}));
}

main(process.argv[2], process.argv[3]).catch((error) => {
	console.error(error.message);
	process.exit(1);
});
