"""Other shapes of the plant's names: plurals and cases that are safe, and words for the same kind of machine.

"na prasie 5" is press 5, "en la línea 1" is line 1: the kind of thing is said in the speaker's language, the number is
the plant's. Exact words only, nothing here measures likeness. Pure data and rules, folded.
"""

_KINDS = """
press: press presse pressen prensa prensas prasa prasie prase prasy prasa prasami prensar presses
line: line lines linie linien linea lineas linha linhas linia linii linie linią lini
robot: robot robots roboter robotern roboters robo robos robota robotem robocie robotow
laser: laser lasers laseru laserem laserze lasera laseres
oven: oven ovens ofen oefen ofens horno hornos forno fornos piec piecu pieca piecem
crane: crane cranes kran krane krans kraene grua gruas suwnica suwnicy suwnice suwnicą ponte-rolante guindaste
saw: saw saws saege saegen sierra sierras serra serras pila pile pily
lathe: lathe lathes drehmaschine drehmaschinen drehbank torno tornos tokarka tokarce tokarke tokarki
mill: mill mills milling fraese fraesen fraesmaschine fresadora fresadoras frezarka frezarce frezarke frezarki
grinder: grinder grinders schleifmaschine rectificadora rectificadoras
grinder: retificadora retificadoras szlifierka szlifierce szlifierke szlifierki
cell: cell cells zelle zellen celda celdas celula celulas gniazdo gniezdzie gniazda
station: station stations stationen estacion estaciones estacao estacoes
station: stacja stacji stacje stanowisko stanowisku posto puesto
machine: machine machines maschine maschinen maquina maquinas maszyna maszynie maszyne maszyny
booth: booth booths kabine kabinen cabina cabinas cabine cabines kabina kabinie kabine kabiny
hall: hall halls halle hallen nave naves pavilhao hala hali hale
dryer: dryer dryers trockner secador secadora secadores suszarka suszarce suszarke suszarki
washer: washer washers waschanlage waschmaschine lavadora lavadoras myjka myjce myjke myjki
mixer: mixer mixers mischer mezcladora mezcladoras misturador misturadora mieszalnik mieszalniku mieszarka mieszarce
filler: filler fillers fueller abfueller llenadora llenadoras
filler: enchedora enchedoras nalewarka nalewarce nalewarke nalewarki
packer: packer packers verpackungsmaschine packmaschine envasadora empacadora
packer: empacadoras embaladora embaladoras pakowarka pakowarce pakowarke
labeller: labeller labellers labeler etikettierer etiquetadora
labeller: etiquetadoras rotuladora rotuladoras etykieciarka etykieciarce etykieciarke
wrapper: wrapper wrappers wickler enfardadora enfardadoras envolvedora envolvedoras owijarka owijarce owijarke owijarki
conveyor: conveyor conveyors foerderband foerderer transportador transportadores transportadora przenosnik przenosniku
compressor: compressor compressors kompressor kompressoren compresor compresores
compressor: compressores kompresor kompresora sprezarka sprezarce sprezarke
boiler: boiler boilers kessel dampfkessel caldera calderas caldeira caldeiras kociol kotle kotla
autoclave: autoclave autoclaves autoklav autoklaw autoklawie autoklawu retort retorts
extruder: extruder extruders extrusora extrusoras wytlaczarka wytlaczarce wytlaczarke
moulder: spritzgussmaschine spritzgiessmaschine inyectora inyectoras injetora
moulder: injetoras wtryskarka wtryskarce wtryskarke wtryskarki
reactor: reactor reactors reaktor reaktoren reactores reator reatores reaktorze reaktora
tank: tank tanks behaelter tanque tanques zbiornik zbiorniku
forklift: forklift forklifts stapler gabelstapler montacargas carretilla empilhadeira empilhador wozek wozku wozka
furnace: furnace furnaces
bender: abkantpresse biegemaschine plegadora plegadoras dobradeira
bender: quinadora krawedziarka krawedziarce krawedziarke krawedziarki
winder: winder winders bobinadora bobinadoras bobinadeira nawijarka nawijarce nawijarke
pump: pump pumps pumpe pumpen bomba bombas pompa pompie pompe pompy
"""
#: A word for a kind of machine or place -> the kind, marked so that it is no word of any language.
KIND_OF: dict[str, str] = {}
#: The kind -> every word for it.
WORDS_OF: dict[str, tuple[str, ...]] = {}
for _row in _KINDS.strip().splitlines():
    _kind, _, _words = _row.partition(": ")
    _folded = tuple(dict.fromkeys(word.replace("ą", "a").replace("-", " ") for word in _words.split()))
    WORDS_OF[f"*{_kind}"] = tuple(dict.fromkeys((*WORDS_OF.get(f"*{_kind}", ()), *_folded)))
    for _word in _folded:
        KIND_OF.setdefault(_word, f"*{_kind}")
        KIND_OF.setdefault(_word.replace("ae", "a").replace("oe", "o").replace("ue", "u"), f"*{_kind}")
#: Too common in other senses to stand for a machine without a number.
_NEVER_ALONE = frozenset(
    {"*line", "*cell", "*station", "*machine", "*hall", "*press", "*tank", "*packer", "*booth", "*pump"}
)
_LEAST = 4
_POLISH_A = ("e", "y", "i", "o", "ie", "om", "ami", "ach")
_POLISH_KA = ("ce", "ke", "ki", "ka", "ko", "ek", "kom", "kami", "kach")
_POLISH_CONSONANT = ("u", "a", "ie", "em", "owi", "y", "ow")
_ENDINGS = ("s", "es", "n", "en", "e", "er")


def other_forms(name: str, *, cases: bool = True) -> set[str]:
    """Plurals of a folded name and, for a single word, its Polish cases; without the name itself.

    `cases` off for long lists, where only plurals are worth their room.
    """
    words = name.split(" ")
    last = words[-1]
    if any(char.isdigit() for char in name) or len(last) < _LEAST or not last.isalpha():
        return set()
    found = {" ".join([*words[:-1], last + "s"])}
    if last.endswith("s") and len(last) > _LEAST:
        found.add(" ".join([*words[:-1], last[:-1]]))
    if len(words) > 1 and all(word.isalpha() and len(word) > 2 for word in words):
        found.add(" ".join(word if word.endswith("s") else word + "s" for word in words))
    if not cases:
        return found - {name}
    found |= {" ".join([*words[:-1], last + ending]) for ending in _ENDINGS}
    if len(words) == 1 and len(last) > _LEAST:
        if last.endswith("ka"):
            found |= {last[:-2] + ending for ending in _POLISH_KA}
        elif last.endswith("nia"):
            found |= {last[:-1] + ending for ending in ("", "e", "o")} | {last[:-1]}
        elif last.endswith("a"):
            found |= {last[:-1] + ending for ending in _POLISH_A}
        elif last[-1] not in "aeiouy":
            found |= {last + ending for ending in _POLISH_CONSONANT}
    return found - {name}


def words_for(name: str) -> tuple[str, ...]:
    """Words of other languages for the same kind of machine, where the name is nothing but that kind."""
    kind = KIND_OF.get(name, "")
    return () if not kind or kind in _NEVER_ALONE else WORDS_OF[kind]
