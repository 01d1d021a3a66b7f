package patients

// people is a part of the demo's register: first names and family names that go together.
type people struct {
	women, men, families []string
	familyFirst          bool // as in "Nguyen Thi Lan"
}

// The demo's clinic is in a town that people came to from everywhere.
var townspeople = []people{
	{
		women:    []string{"Olivia", "Charlotte", "Hannah", "Grace", "Evelyn", "Margaret"},
		men:      []string{"James", "Henry", "Samuel", "Thomas", "Arthur", "Edward"},
		families: []string{"Walker", "Bennett", "Clarke", "Turner", "Hughes", "Whitfield"},
	},
	{
		women:    []string{"Adaeze", "Ngozi", "Folake", "Amara", "Chioma"},
		men:      []string{"Chinedu", "Emeka", "Tunde", "Ifeanyi", "Babatunde"},
		families: []string{"Adeyemi", "Okonkwo", "Eze", "Balogun", "Nwosu"},
	},
	{
		women:    []string{"Lucía", "Valentina", "Camila", "María José", "Ximena"},
		men:      []string{"Mateo", "Andrés", "Joaquín", "Sebastián", "Íñigo"},
		families: []string{"García López", "Muñoz", "Hernández", "Ibáñez", "Peña Castro"},
	},
	{
		women:    []string{"Ananya", "Priya", "Lakshmi", "Meera", "Kavita"},
		men:      []string{"Arjun", "Rohan", "Vikram", "Sanjay", "Imran"},
		families: []string{"Sharma", "Iyer", "Patel", "Reddy", "Chatterjee"},
	},
	{
		women:    []string{"Fatima", "Layla", "Noor", "Yasmin", "Maryam"},
		men:      []string{"Ahmad", "Khalid", "Yusuf", "Tariq", "Hassan"},
		families: []string{"Al-Masri", "Haddad", "Rahman", "El-Sayed", "Nasser"},
	},
	{
		women:    []string{"Mei", "Xiuying", "Li Na", "Jing", "Yan"},
		men:      []string{"Wei", "Jun", "Hao", "Zhiqiang", "Bo"},
		families: []string{"Wang", "Zhang", "Chen", "Liu", "Zhao"}, familyFirst: true,
	},
	{
		women:    []string{"Thi Lan", "Thi Hoa", "Ngọc Ánh", "Minh Thư"},
		men:      []string{"Văn Hùng", "Quốc Bảo", "Minh Đức", "Thanh Tùng"},
		families: []string{"Nguyễn", "Trần", "Phạm", "Lê"}, familyFirst: true,
	},
	{
		women:    []string{"Zofia", "Agnieszka", "Małgorzata", "Kateřina", "Jelena"},
		men:      []string{"Paweł", "Łukasz", "Tomáš", "Dragan", "Wojciech"},
		families: []string{"Kowalczyk", "Wiśniewski", "Dvořák", "Petrović", "Żak"},
	},
	{
		women:    []string{"Léa", "Chloé", "Amélie", "Océane", "Inès"},
		men:      []string{"Étienne", "Rémi", "Jérôme", "Loïc", "Théo"},
		families: []string{"Lefèvre", "Dubois", "Girard", "Bélanger", "N'Diaye"},
	},
	{
		women:    []string{"Sakura", "Yui", "Haruka", "Aiko"},
		men:      []string{"Haruto", "Ren", "Kenji", "Takumi"},
		families: []string{"Sato", "Yamamoto", "Kobayashi", "Ōta"},
	},
	{
		women:    []string{"Ingrid", "Astrid", "Freja", "Sólveig"},
		men:      []string{"Bjørn", "Søren", "Åke", "Mikkel"},
		families: []string{"Lindqvist", "Sørensen", "Ødegård", "Jónsdóttir"},
	},
	{
		women:    []string{"Ольга", "Марія", "Наталія"},
		men:      []string{"Дмитро", "Андрій", "Тарас"},
		families: []string{"Шевченко", "Коваленко", "Бондар"},
	},
	{
		women:    []string{"Siobhán", "Aoife", "Niamh"},
		men:      []string{"Ciarán", "Declan", "Oisín"},
		families: []string{"O'Connor", "Ní Bhriain", "Murphy"},
	},
	{
		women:    []string{"Leilani", "Moana", "Sina"},
		men:      []string{"Keoni", "Tāne", "Sione"},
		families: []string{"Kahale", "Tuilagi", "Parata"},
	},
}
