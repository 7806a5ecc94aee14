"""Lists what the names of columns mean, in English, German, French and Spanish, and as legacy systems abbreviate."""

# What it means: what people write. One meaning a line, as a rule; blanks separate words, bars separate names.
MEANINGS = """
email: e mail | mail | email address | e mail address | mail address | courriel | correo | correo electronico | e
    mail adresse | email adresse | mailadresse | adresse email | adresse mail | adresse e mail | adresse
    electronique
phone: telephone | tel | telefon | telefonnummer | telefonnr | phone number | phone no | telefono | telephone number
    | tel nr | tel no | rufnummer | numero de telephone | fon | ph
mobile: cell | cell phone | mobile phone | mobil | handy | mobilnummer | mobiltelefon | handynummer | portable |
    movil | mobile number | mobile no
fax: faxnummer | telefax | fax number | telecopie
first name: firstname | fname | given name | givenname | forename | vorname | prenom | nombre | name first | first
    nm | vname
last name: lastname | lname | surname | family name | familyname | nachname | familienname | nom de famille |
    apellido | apellidos | name last | last nm | nname | zuname
middle name: middlename | mname | zweiter vorname | second name
full name: fullname | vollstaendiger name | nom complet | nombre completo | complete name
name: nom | bezeichnung | benennung | designation | denomination
title: titel | titre | titulo
salutation: anrede | civilite | tratamiento
gender: sex | geschlecht | sexe | sexo | genre
birth date: birthdate | birthday | date of birth | dob | geburtsdatum | geburtstag | geb datum | gebdat | geb dat |
    date de naissance | fecha de nacimiento | birth dt | geboren | geboren am | born
street: strasse | str | rue | calle | street address | strassenname | address line 1 | address 1 | anschrift
house number: hausnummer | haus nr | hausnr | house no | street number | numero de rue
address: adresse | direccion | addr
postal code: postcode | zip | zip code | zipcode | plz | postleitzahl | code postal | codigo postal | cp |
    postalcode | zip postal code
city: town | ort | stadt | ville | ciudad | wohnort | place | municipality | localite | localidad | gemeinde
state: province | bundesland | region state | provincia | estado | st
country: land | pays | pais | nation | country name
country code: countrycode | laendercode | landkz | laenderkennzeichen | code pays | iso country | iso country code |
    country iso
region: gebiet
district: bezirk | county | kreis | landkreis
company: firma | firm | firmenname | societe | entreprise | empresa | compania | company name | organization |
    organisation | unternehmen | organization name
customer: kunde | client | cliente | cust | kd
supplier: lieferant | fournisseur | proveedor | vendor
employee: mitarbeiter | employe | empleado | personal | emp
user: benutzer | utilisateur | usuario
username: user name | login | login name | benutzername | logon | nom d utilisateur | nombre de usuario | uid
customer number: kundennummer | kundennr | kunden nr | kdnr | kd nr | kunden no | numero client | numero de cliente
    | cust no | custno | customer no | customer nr | client number | client no | no client
order number: bestellnummer | auftragsnummer | auftragsnr | bestellnr | order no | orderno | numero de commande |
    order id
invoice number: rechnungsnummer | rechnungsnr | rechnung nr | re nr | invoice no | numero de facture | facture no |
    facture | numero de factura
article number: artikelnummer | artikelnr | artikel nr | art nr | artnr | item number | item no | numero d article |
    sku
account number: kontonummer | konto nr | kontonr | account no | acct no | numero de compte
personnel number: personalnummer | personalnr | personal nr | pers nr | employee number | employee no | matricule
member number: mitgliedsnummer | mitgliedsnr | mitglieds nr | member no | membership number
number: nummer | nr | no | num | numero
article: artikel | item | articulo
product: produkt | produit | producto | prod
invoice: rechnung | factura
order: auftrag | bestellung | commande | pedido
description: desc | beschreibung | descripcion | descr
note: notes | comment | comments | remark | remarks | bemerkung | bemerkungen | anmerkung | anmerkungen | notiz |
    notizen | kommentar | commentaire | commentaires | remarque | remarques | observaciones | notas | memo
price: preis | prix | precio
unit price: einzelpreis | stueckpreis | prix unitaire | precio unitario | unitprice | e preis
cost: kosten | cout | costo | coste
amount: betrag | montant | importe | monto | amt
net amount: nettobetrag | netto betrag | montant ht | amount net | importe neto | netto
gross amount: bruttobetrag | brutto betrag | montant ttc | amount gross | importe bruto | brutto
tax: steuer | taxe | impuesto | mwst | vat | ust | tva | iva
quantity: menge | quantite | cantidad | qty | stueckzahl | stk | quant
stock: lagerbestand | bestand | on hand | lager | existencias | stock quantity | stock level | qty on hand |
    quantity on hand | in stock
total: gesamt | summe | gesamtbetrag | gesamtsumme
balance: saldo | kontostand | solde
revenue: umsatz | chiffre d affaires | chiffre affaires | turnover | ingresos | ventas | jahresumsatz
timestamp: ts | time stamp | zeitstempel | horodatage | marca de tiempo
salary: gehalt | salaire | salario | lohn | wage
currency: waehrung | devise | moneda | currency code | whg
weight: gewicht | poids | peso | wt
height: hoehe | groesse | hauteur | taille | altura
width: breite | largeur | ancho
length: laenge | longueur | longitud
age: alter | edad
year: jahr | annee | ano | yr
month: monat | mois | mes
day: tag | jour | dia
date: datum | fecha | dt | dat
time: zeit | uhrzeit | heure | hora | tm
created: created at | created on | creation date | date created | create date | created date | angelegt | angelegt
    am | erstellt | erstellt am | erstelldatum | erstellungsdatum | anlagedatum | cree le | date de creation | fecha
    de creacion | creado | create time | creation time | record created | inserted at | date added | added |
    createdat
updated: updated at | updated on | modified | modified at | last modified | changed | changed at | geaendert |
    geaendert am | aenderungsdatum | modifie le | date modified | last update | last updated | update date |
    modification date | updatedat
start: begin | beginn | anfang | start date | begin date | startdatum | debut | date de debut | inicio | starts |
    starts at | von | valid from | from date | start dt
end: ende | end date | enddatum | fin | date de fin | ends | ends at | bis | valid to | valid until | to date | end
    dt
joined: join date | joined at | date joined | eintritt | eintrittsdatum | beitritt | beitrittsdatum | entry date |
    member since | mitglied seit | join dt | date d entree | date d adhesion | joining date
hired: hire date | hired at | date hired | einstellungsdatum | date d embauche | employed since | hire dt
due: due date | faellig | faellig am | faelligkeit | faelligkeitsdatum | echeance | date d echeance | vencimiento |
    zahlbar bis
paid: bezahlt | paye | pagado | is paid
active: is active | aktiv | actif | activo | enabled | active flag | aktiv jn
status: zustand | statut
type: typ | art | tipo | kind
category: kategorie | categorie | categoria | cat
department: abteilung | departement | departamento | dept | service
position: stelle | poste | puesto | job title | funktion | role title
role: rolle
manager: vorgesetzter | chef | supervisor
language: sprache | langue | idioma | lang
latitude: lat | breitengrad | geo breite
longitude: lon | lng | long | laengengrad | geo laenge
website: url | homepage | web | webseite | web site | site web | pagina web | internet | www
image: bild | photo | foto | picture
code: kuerzel | kz | cd
id: identifier | kennung | identifiant
count: anzahl | nombre de | cnt
population: einwohner | einwohnerzahl | habitants | poblacion | inhabitants | pop
capital: hauptstadt | capitale
temperature: temperatur | temp
minimum: min
maximum: max
average: avg | mean | durchschnitt | moyenne
rating: bewertung | note moyenne
score: punkte | punktzahl
author: autor | auteur | verfasser
publisher: verlag | editeur | editorial
duration: dauer | duree | duracion
percent: prozent | pct | percentage | pourcentage
reference: ref | referenz
external: extern
legacy: old | alt
group: gruppe | groupe | grp
iban: iban nr
bic: swift | swift code | bic code
"""


def meanings() -> dict[str, list[str]]:
    """Return the names by what they mean."""
    joined = MEANINGS.strip().replace("\n    ", " ")
    pairs = (line.partition(":") for line in joined.splitlines())
    return {meaning: [name.strip() for name in names.split("|")] for meaning, _, names in pairs}
