"""symbols_cli says of every address of a corpus what addr2line says, of binutils or of LLVM.

binutils 2.40 takes some inlined calls for the function around them (clang's DWARF 5, calls of which one part was moved away);
LLVM's does not. Where no code of a function stands both fill the gap with what came before; we say that nothing is known.
"""
import collections
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CLI = os.path.abspath(sys.argv.pop(1))
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
ADDRESSES_MAX = 2_500  # of one program


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, timeout=250, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr}")
    return done.stdout


def without_clone(name):
    """The compiler's suffixes of parts and variants of a function, which DWARF does not tell."""
    name = re.sub(r"\.(cold|part|isra|constprop|abi0|lto_priv).*", "", name)
    return re.sub(r"([CD])[12]E", r"\1xE", name)  # one function with two names


def parse(text):
    """{address: [(name, file, line), innermost first]}"""
    found = collections.OrderedDict()
    frames = []
    lines = iter(text.decode().splitlines())
    for line in lines:
        if re.fullmatch(r"0x[0-9a-f]+", line):
            frames = found[int(line, 16)] = []
            continue
        place = re.sub(r" \(discriminator \d+\)", "", next(lines))
        file, _, number = place.rpartition(":")
        frames.append((without_clone(line), os.path.normpath(file), number.replace("?", "0")))
    return found


class OracleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="heapwatch-symbols-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def compile(self, name, compiler, *flags):
        source = PROGRAMS / ("templates.cpp" if compiler.endswith("++") else "inlined.c")
        standard = ["-std=c++17"] if compiler.endswith("++") else []
        run(compiler, *standard, *flags, "-o", self.path(name), str(source))
        return self.path(name)

    def go(self, name, *flags):
        run("go", "build", "-o", self.path(name), *flags, ".", cwd=PROGRAMS / "go",
            env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "HOME": self.folder})
        return self.path(name)

    def addresses(self, program):
        sections = run("readelf", "-SW", program).decode()
        start, size = (int(word, 16) for word in re.search(r"\] \.text +\S+ +(\w+) \w+ (\w+)", sections).groups())
        step = max(1, size // ADDRESSES_MAX)
        if step % 2 == 0:
            step += 1  # all remainders: code is aligned
        return list(range(start, start + size, step))

    def ours(self, program, addresses, *flags):
        return parse(run(CLI, *flags, program, input="\n".join(map(hex, addresses)).encode()))

    def oracle(self, tool, program, addresses):
        return parse(run(tool, "-aif", "-e", program, input="\n".join(map(hex, addresses)).encode()))

    def assert_same(self, program, least, oracle=None, flags=()):
        """At least the share `least` of the addresses is known, and each as one of the oracles has it."""
        addresses = self.addresses(oracle or program)
        ours = self.ours(program, addresses, *flags)
        oracles = [self.oracle(tool, oracle or program, addresses) for tool in ("addr2line", "llvm-addr2line")]
        self.assertEqual(list(ours), addresses)
        known = 0
        wrong = []
        for address, frames in ours.items():
            theirs = [found[address] for found in oracles]
            if frames[0][2] == "0":
                # LLVM names the function of a place; in a gap there is none.
                if theirs[1][0][0] != "??" and theirs[1][0][2] != "0":
                    wrong.append((hex(address), frames, theirs))
                continue
            known += 1
            if frames not in theirs:
                wrong.append((hex(address), frames, theirs))
        self.assertEqual(wrong[:5], [], f"{len(wrong)} of {len(addresses)}")
        self.assertGreater(known, least * len(addresses))

    def test_c_and_cxx_of_two_compilers(self):
        for number, (compiler, flags, least) in enumerate([
                ("gcc", ["-O2", "-g"], .4), ("clang", ["-O2", "-g"], .4), ("gcc", ["-O0", "-g"], .4),
                ("gcc", ["-O2", "-g", "-no-pie", "-gdwarf-4"], .4), ("gcc", ["-O2", "-g", "-gz"], .4),
                ("g++", ["-O2", "-g"], .7), ("g++", ["-O0", "-g"], .7), ("clang++", ["-O2", "-g"], .7),
                ("g++", ["-O3", "-g", "-ffunction-sections", "-Wl,--gc-sections"], .7)]):
            with self.subTest(compiler=compiler, flags=flags):
                self.assert_same(self.compile(f"plain{number}", compiler, *flags), least)

    def test_go_with_c(self):
        """As addr2line has it, but for lines: DWARF has not all of them, and cgo's are those of the file it makes."""
        program = self.go("go")
        addresses = self.addresses(program)
        ours = self.ours(program, addresses)
        oracles = [self.oracle(tool, program, addresses) for tool in ("addr2line", "llvm-addr2line")]
        lines = run("go", "tool", "addr2line", program, input="\n".join(map(hex, addresses)).encode()).decode().splitlines()
        places = dict(zip(addresses, (place.rpartition(":")[::2] for place in lines[1::2])))
        wrong = []
        known = 0
        for address, frames in ours.items():
            # Where code wraps generated code, DWARF does not tell what was inlined.
            if frames[0][2] == "0" or frames[-1][1] == "<autogenerated>":
                continue
            known += 1
            names = [re.sub(r"\[.*\]", "[...]", frame[0]) for frame in frames]
            expected = [[re.sub(r"\[.*\]", "[...]", frame[0]) for frame in theirs[address]] for theirs in oracles]
            file, line = places[address]
            is_go = not frames[-1][1].endswith((".c", ".S", ".h"))
            if names not in expected or (is_go and (os.path.normpath(file), line) != frames[0][1:]):
                wrong.append((hex(address), frames, expected, (file, line)))
        self.assertEqual(wrong[:5], [], f"{len(wrong)} of {len(addresses)}")
        self.assertGreater(known, .9 * len(addresses))

    def test_calls_that_were_inlined_into_go_with_c_have_the_lines_of_the_source(self):
        program = self.go("go_inlined")
        source = (PROGRAMS / "go" / "main.go").read_text().splitlines()
        calls = {number for number, line in enumerate(source, 1) if "i.size()" in line}
        symbols = run("nm", "-S", program).decode()
        start, size = (int(word, 16) for word in re.search(r"(?m)^(\w+) (\w+) . main\.main$", symbols).groups())
        found = {frames[1] for frames in self.ours(program, range(start, start + size)).values()
                 if len(frames) > 1 and frames[0][0] == "main.item.size" and frames[1][0] == "main.main"}
        self.assertEqual({(name, int(line)) for name, _, line in found}, {("main.main", number) for number in calls})

    def test_go_without_symbols_is_named_by_the_table_it_carries(self):
        for name, flags in (("fixed", []), ("pie", ["-buildmode=pie"])):
            with self.subTest(name):
                full = self.go(f"go_full_{name}", *flags)
                bare = self.path(f"go_bare_{name}")
                run("strip", "-o", bare, full)
                addresses = self.addresses(full)
                theirs = self.ours(full, addresses)
                ours = self.ours(bare, addresses)
                known = whole = same = 0
                for address, frames in ours.items():
                    # C code has no table, and code that wraps generated code no place.
                    if frames[0][2] == "0" or "<autogenerated>" in frames[0][1]:
                        continue
                    known += 1
                    # The table leaves out what a generic function is made for.
                    names, full_names = ([re.sub(r"\[.*\]", "[...]", without_clone(frame[0])) for frame in chain]
                                         for chain in (frames, theirs[address]))
                    self.assertEqual(names[-1], full_names[-1], hex(address))
                    whole += names == full_names
                    same += frames[0][1:] == theirs[address][0][1:]
                self.assertGreater(known, .8 * len(addresses))
                # The compiler forgets some of the calls that were inlined.
                self.assertGreater(whole, .95 * known)
                self.assertGreater(same, .98 * known)

    def split(self, name, *flags):
        program = self.compile(name, "g++", "-O2", "-g", "-Wl,--build-id", *flags)
        shutil.copy(program, program + ".full")
        run("objcopy", "--only-keep-debug", program, program + ".debug")
        run("objcopy", "--strip-all", program)
        return program

    def test_debugging_information_beside_the_program(self):
        program = self.split("linked")
        self.assertEqual({frames[0][2] for frames in self.ours(program, self.addresses(program)).values()}, {"0"})
        run("objcopy", f"--add-gnu-debuglink={program}.debug", program)
        self.assert_same(program, .7, program + ".full")
        os.mkdir(self.path(".debug"))
        os.rename(program + ".debug", self.path(".debug/linked.debug"))
        self.assert_same(program, .7, program + ".full")

    def test_debugging_information_in_files_of_the_units(self):
        """`.dwo` files, beside the program or where it was compiled."""
        for number, (compiler, flags) in enumerate([("g++", []), ("g++", ["-gdwarf-4"]), ("clang++", []), ("gcc", ["-O0"])]):
            with self.subTest(compiler=compiler, flags=flags):
                folder = pathlib.Path(self.folder, f"units{number}")
                (folder / "objects").mkdir(parents=True)
                program = str(folder / "split")
                source = PROGRAMS / ("templates.cpp" if compiler.endswith("++") else "inlined.c")
                standard = ["-std=c++17"] if compiler.endswith("++") else []
                command = [compiler, *standard, "-O2", "-g", *flags]
                run(*command, "-c", "-gsplit-dwarf", "-o", "objects/unit.o", str(source), cwd=folder)
                run(compiler, "-o", program, "objects/unit.o", cwd=folder)
                run(*command, "-c", "-o", "whole.o", str(source), cwd=folder)
                run(compiler, "-o", program + ".full", "whole.o", cwd=folder)
                [unit] = (folder / "objects").glob("*.dwo")
                addresses = self.addresses(program)
                full = self.ours(program + ".full", addresses)
                if "-O0" not in flags:
                    self.assertGreater(sum(len(frames) > 1 for frames in full.values()), 5)
                self.assertEqual(self.ours(program, addresses), full)
                # What is no file is not opened: a pipe would keep us waiting.
                unit.rename(folder / "moved")
                os.mkfifo(unit)
                for address, frames in self.ours(program, addresses).items():
                    self.assertEqual(frames[0][1:], full[address][0][1:] if full[address][0][2] != "0" else frames[0][1:])

    def test_debugging_information_in_a_package_of_units(self):
        """`PROGRAM.dwp`, made of the `.dwo` files of two units, which are gone."""
        for number, (compiler, flags, packer) in enumerate([("g++", ["-gdwarf-4"], "dwp"), ("clang++", [], "llvm-dwp")]):
            with self.subTest(compiler=compiler, flags=flags, packer=packer):
                folder = pathlib.Path(self.folder, f"package{number}")
                folder.mkdir()
                program = str(folder / "packed")
                objects = {"split": [], "whole": []}
                for name, define in (("templates.cpp", []), ("inlined.c", ["-Dmain=other_main"])):
                    c = "clang" if compiler == "clang++" else "gcc"
                    command = [compiler, "-std=c++17"] if name.endswith("cpp") else [c]
                    for kind, split in (("split", ["-gsplit-dwarf"]), ("whole", [])):
                        made = f"{kind}_{name}.o"
                        run(*command, "-O2", "-g", *flags, *split, *define, "-c", "-o", made, str(PROGRAMS / name), cwd=folder)
                        objects[kind].append(made)
                run(compiler, "-o", program, *objects["split"], cwd=folder)
                run(compiler, "-o", program + ".full", *objects["whole"], cwd=folder)
                units = sorted(folder.glob("*.dwo"))
                self.assertEqual(len(units), 2)
                run(packer, "-o", program + ".dwp", *map(str, units), cwd=folder)
                for unit in units:
                    unit.unlink()
                addresses = self.addresses(program)
                full = self.ours(program + ".full", addresses)
                self.assertGreater(sum(len(frames) > 1 for frames in full.values()), 5)
                self.assertEqual(self.ours(program, addresses), full)
                # A package that is cut short is none, and the program's own lines are there.
                with open(program + ".dwp", "r+b") as package:
                    package.truncate(os.path.getsize(program + ".dwp") // 2)
                self.assertEqual({address for address, frames in self.ours(program, addresses).items() if frames[0][2] != "0"},
                                 {address for address, frames in full.items() if frames[0][2] != "0"})

    def test_debugging_information_that_programs_share(self):
        """As dwz has it: what several programs have in common is in a file of its own."""
        folder = pathlib.Path(self.folder, "shared")
        folder.mkdir()
        for name in ("one", "two"):
            run("g++", "-std=c++17", "-O2", "-g", "-Wl,--build-id", "-o", str(folder / name), str(PROGRAMS / "templates.cpp"))
        shutil.copy(folder / "one", folder / "full")
        run("dwz", "-m", "common.debug", "one", "two", cwd=folder)
        self.assertIn(".gnu_debugaltlink", run("readelf", "-SW", str(folder / "one")).decode())
        self.assert_same(str(folder / "one"), .7, str(folder / "full"))
        addresses = self.addresses(str(folder / "one"))
        (folder / "common.debug").unlink()
        os.mkfifo(folder / "common.debug")
        self.ours(str(folder / "one"), addresses)  # ends

    def test_debugging_information_by_checksum(self):
        program = self.split("summed", "-Wl,--build-id=none")
        run("objcopy", f"--add-gnu-debuglink={program}.debug", program)
        self.assert_same(program, .7, program + ".full")
        # Another file of that name is not taken.
        with open(program + ".debug", "ab") as file:
            file.write(b"more")
        self.assertEqual({frames[0][2] for frames in self.ours(program, self.addresses(program)).values()}, {"0"})

    def test_debugging_information_by_build_id_in_a_folder_of_its_own(self):
        program = self.split("by_id")
        build_id = re.search(r"Build ID: (\w+)", run("readelf", "-n", program).decode())[1]
        folder = pathlib.Path(self.folder, "store", ".build-id", build_id[:2])
        folder.mkdir(parents=True)
        os.rename(program + ".debug", folder / f"{build_id[2:]}.debug")
        self.assert_same(program, .7, program + ".full", [f"-folder={self.path('store')}"])

    def names(self, program, addresses):
        return {address: frames[0][0] for address, frames in self.ours(program, addresses).items()}

    def test_names_without_lines(self):
        full = self.compile("tables", "g++", "-O2", "-g")
        symbols = self.path("tables.symbols")
        run("strip", "--strip-debug", "-o", symbols, full)
        bare = self.path("tables.bare")
        run("strip", "-o", bare, full)
        packed = self.path("tables.packed")
        # As Fedora does it: a file of symbols alone, packed into a section.
        only = self.path("tables.only")
        run("objcopy", "--only-keep-debug", symbols, only)
        pathlib.Path(only + ".xz").write_bytes(lzma.compress(pathlib.Path(only).read_bytes()))
        run("objcopy", f"--add-section=.gnu_debugdata={only}.xz", bare, packed)
        functions = [line.split() for line in run("nm", "-S", "--defined-only", symbols).decode().splitlines()]
        functions = {int(row[0], 16): row[3] for row in functions if len(row) == 4 and row[2] in "tT"}
        self.assertGreater(len(functions), 5)
        for program in (symbols, packed):
            with self.subTest(program):
                names = self.names(program, functions)
                for address, name in functions.items():
                    self.assertEqual(names[address], without_clone(name))
        self.assertEqual(set(self.names(bare, functions).values()), {"??"})

    def test_a_library_without_lines_has_the_names_it_exports(self):
        library = self.path("liba.so")
        run("gcc", "-shared", "-fPIC", "-O2", "-s", "-o", library, str(PROGRAMS / "inlined.c"))
        rows = [line.split() for line in run("nm", "-D", "--defined-only", library).decode().splitlines()]
        places = {int(row[0], 16): row[2] for row in rows if row[1] == "T"}
        self.assertIn("add_row", places.values())
        self.assertEqual(self.names(library, places), places)

    def test_damaged_programs_cost_an_error_or_a_name(self):
        program = pathlib.Path(self.compile("whole", "gcc", "-O2", "-g"))
        whole = program.read_bytes()
        for number in range(0, len(whole), max(1, len(whole) // 40)):
            broken = bytearray(whole)
            for at in range(number, min(number + 64, len(broken)), 3):
                broken[at] ^= 0xff
            for content in (whole[:number], bytes(broken)):
                path = self.path("damaged")
                pathlib.Path(path).write_bytes(content)
                done = subprocess.run([CLI, path], input=b"0x1139 0x1200 0x10c0", capture_output=True, timeout=60)
                self.assertIn(done.returncode, (0, 1), done.stderr)
                self.assertNotIn(b"Sanitizer", done.stderr)


if __name__ == "__main__":
    unittest.main()
